"""From the split files of each tool to what is audited."""
