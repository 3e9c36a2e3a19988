"""An app's folder: its manifest, its code, its env file."""
