import collections
value = 1
for source in ("valeu", "collections.OrderedDcit", "from collections import namedtupel"):
    try:
        exec(source)
    except (NameError, AttributeError, ImportError) as error:
        import traceback
        print(traceback.format_exception_only(error)[-1].strip())
