"""What a scenario may say: its sections as typed fields, and what follows from them."""
