"""What the lessons stand on and do not teach: local servers, and programs in processes of their own."""
