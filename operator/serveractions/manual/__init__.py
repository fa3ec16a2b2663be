"""What people look up before they apply an object: each kind explained, and files judged.

All of it is told by the Python types that the operator itself reads, so that no page and no answer
of the command line can lag behind them.
"""
