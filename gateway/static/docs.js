"use strict";

SwaggerUIBundle({
  url: "/docs/api-spec.yaml",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  tagsSorter: "alpha",
  tryItOutEnabled: false,
  // No outside host is asked whether the document is well-formed.
  validatorUrl: null,
});
