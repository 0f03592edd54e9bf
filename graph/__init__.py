"""The LangGraph state machines: run, scan, ticket, watch, close."""
