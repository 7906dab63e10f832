"""The platform: sweep file → cells → stages → store → results, and the `w2s` command."""
