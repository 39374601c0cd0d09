"""Reads documents, workbooks, databases and archives, in processes of their own."""
