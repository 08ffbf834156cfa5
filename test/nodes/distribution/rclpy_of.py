"""`rclpy` as that of a distribution, in this process; it tells when a node is made."""


def be_of(kind):
    """`rclpy.init` returns a kind: `none`, as before Kilted, or `context manager`."""
    import rclpy
    import rclpy.node

    rclpy.init = _returning(rclpy.init, kind)
    rclpy.node.Node.__init__ = _telling(rclpy.node.Node.__init__)


def _returning(init, kind):
    def as_before(**arguments):
        init(**arguments)

    return as_before if kind == "none" else init


def _telling(make):
    def made(node, *arguments, **options):
        make(node, *arguments, **options)
        print("a node is made", flush=True)

    return made
