"""What the gateway is told of this run of the mesh."""

from deploy.local.pki import GATEWAY, PUBLIC, Identity
from deploy.local.plan import ROOT, Plan
from deploy.local.services import SERVICES
from deploy.local.trouble import MeshTrouble

DESCRIPTORS = ROOT / "gen" / "descriptors.binpb"
USUAL_RATE_LIMIT = 100
# Everybody who is not signed in counts by address, and many may share one.
ANONYMOUS_SHARE = 10
API_SPEC = ROOT / "docs" / "api-spec.yaml"


def render(plan: Plan) -> str:
    """Return Envoy's configuration."""
    # Imported here: only what starts a gateway pays for the descriptors.
    from gateway.envoy import render as render_envoy
    from gateway.settings import Certificate, GatewaySettings

    for product in (DESCRIPTORS, API_SPEC):
        if not product.exists():
            raise MeshTrouble(f"{product.relative_to(ROOT)} is missing: run `make gen`")

    def certificate(identity: Identity) -> Certificate:
        return Certificate(identity.cert, identity.key)

    limit = plan.choices.rate_limit or plan.number("CAMPUS_RATE_LIMIT_PER_MINUTE", USUAL_RATE_LIMIT)
    settings = GatewaySettings(
        endpoints={name: [_endpoint(address) for address in plan.addresses(name)] for name in SERVICES},
        client_certificate=certificate(plan.pki.of(GATEWAY)),
        mesh_ca=plan.pki.ca_cert,
        descriptors=DESCRIPTORS,
        api_spec=API_SPEC,
        listen_port=plan.ports["gateway"],
        tls_port=plan.ports["tls"],
        tls_certificate=certificate(plan.pki.of(PUBLIC)),
        admin_port=plan.port("gateway.admin"),
        rate_limit_per_minute=limit,
        anonymous_rate_limit_per_minute=limit * ANONYMOUS_SHARE,
        cors_origins=tuple(filter(None, plan.environment.get("CAMPUS_CORS_ORIGINS", "").split(","))),
    )
    return render_envoy(settings)


def _endpoint(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
