"""The second wall between tenants: Postgres itself shows and takes only rows of the scope that code runs in.

Policies come from what models say of their `tenancy`. A scope of one developer is a role of its own for the length of a
transaction, with the developer in a setting; the scope of all is the role that the server logs in with.
"""
