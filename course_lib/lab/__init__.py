"""What the lessons stand on and do not teach: local servers."""
