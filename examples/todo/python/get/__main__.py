"""GET: all todos, or the one that the path names."""

from common import todos


def main(params):
    doc_id = todos.id_of(params)
    try:
        database = todos.Database(params)
        if doc_id:
            return todos.answer(200, todos.shown(params, database.one(doc_id)))
        return todos.answer(200, [todos.shown(params, doc) for doc in database.all()])
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
