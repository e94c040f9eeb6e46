"""What is copied into a folder of exported tasks. Nothing here may import companion."""
