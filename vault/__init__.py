"""The vault: keeps what only enrolled devices of cleared people open. So far the call, with one operation."""
