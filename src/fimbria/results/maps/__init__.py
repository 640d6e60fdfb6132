"""The results folder (Model Analysis and Processing Structure)."""
