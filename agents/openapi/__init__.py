"""Operations of others' OpenAPI documents become tools of an agent."""
