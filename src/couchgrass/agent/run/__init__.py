"""What keeps a region's links: looks at servers, applies plans, goes on for ever."""
