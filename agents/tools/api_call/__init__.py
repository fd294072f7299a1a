"""Tools of the kind `api_call`: one HTTP request."""
