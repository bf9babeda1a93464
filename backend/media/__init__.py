"""Media (tệp đính kèm): photos and documents of reports, private until an officer releases them."""
