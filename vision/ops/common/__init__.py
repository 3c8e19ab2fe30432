"""What all operators share: checks of arguments, registration, transforms."""
