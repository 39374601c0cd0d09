"""The jobs that restore the values behind tokens, or give the tokens another key."""
