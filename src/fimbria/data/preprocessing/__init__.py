"""From raw scans to images on a common grid."""
