"""The wire, as pure functions and data: what is a well-formed request, and what every answer looks like."""
