"""Cadre files (hồ sơ cán bộ): class `party`, kept by the Organisation Committee, opened by people alone."""
