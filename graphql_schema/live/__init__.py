"""Subscriptions: documents, identity and limits of `/graphql`, over WebSocket and server-sent events."""
