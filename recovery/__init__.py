"""Backup (sao lưu) and restore (khôi phục): sealed files, base backups, archived WAL, copies of media."""
