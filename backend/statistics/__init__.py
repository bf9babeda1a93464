"""Figures (thống kê) of reports: officials' within two seconds, the public's hourly and rounded."""
