"""Files become docs: jobs that have files read and store what is read, page by page."""
