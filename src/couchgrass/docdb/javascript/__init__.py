"""The functions of design documents, run in a bounded JavaScript engine."""
