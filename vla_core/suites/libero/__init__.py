"""LIBERO: tasks of one arm told in words, in kitchens, living rooms and studies."""
