"""The gRPC servicers: message in, command or query out, message back."""
