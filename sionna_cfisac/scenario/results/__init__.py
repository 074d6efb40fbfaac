"""What a run leaves behind: conditions, tables, folders."""
