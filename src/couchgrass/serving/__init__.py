"""What every server of ours is built on: a socket, a process that stops in good order, ASGI made small.

It knows no product. The slices' `http` folders use it; the database has its own, older request.
"""
