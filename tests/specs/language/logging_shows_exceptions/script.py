import logging
import sys

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)

def parse(text):
    return int(text)

try:
    parse("x")
except ValueError:
    logging.exception("failed to parse %r", "x")
    logging.getLogger("app").error("again", exc_info=True)
    logging.getLogger("app").warning("with the stack", stack_info=True)
logging.debug("not shown")
