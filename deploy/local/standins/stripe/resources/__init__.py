"""The kinds of object of the API, one file each."""
