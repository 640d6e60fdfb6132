"""People made from a template, with a known answer."""
