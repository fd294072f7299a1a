"""Files: rows in the database, contents in Django's file storage."""
