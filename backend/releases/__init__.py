"""Texts of reports as an officer shows them to the public: in his own words; the original stays as it is."""
