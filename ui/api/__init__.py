"""The HTTP interface beside the page: LibreTranslate's, a stream of sentences, and metrics."""
