"""What keeps the local mesh from running, said in one line that names the remedy."""


class MeshTrouble(Exception):
    """A condition the person at the terminal can act on; its text is the whole message."""
