"""The vault: keeps what only enrolled devices of cleared people open."""
