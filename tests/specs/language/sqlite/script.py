import sqlite3

db = sqlite3.connect(":memory:")
db.execute("create table deal(id integer primary key, title text not null, amount real)")
db.executemany("insert into deal(title, amount) values (?, ?)", [("Panels", 48500.0), ("Scanners", 5400.0), ("Größe", None)])
db.commit()
db.row_factory = sqlite3.Row
for row in db.execute("select * from deal where amount is null or amount > :least order by id", {"least": 10_000}):
    print(dict(row))
db.create_function("twice", 1, lambda value: value * 2)
print(db.execute("select twice(21), json_extract('{\"a\": [1, 2]}', '$.a[1]')").fetchone()[:])
with db:
    db.execute("update deal set amount = amount + 1")
print(db.execute("select sum(amount) from deal").fetchone()[0], db.total_changes)
for statement in ("select * from nowhere", "selec 1", "insert into deal(title) values (null)"):
    try:
        db.execute(statement)
    except sqlite3.Error as error:
        print(type(error).__name__, error)
