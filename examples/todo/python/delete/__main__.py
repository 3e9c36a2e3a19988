"""DELETE: the todo that the path names, or all of them."""

from common import todos


def main(params):
    doc_id = todos.id_of(params)
    try:
        database = todos.Database(params)
        database.delete([database.one(doc_id)] if doc_id else database.all())
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
    return {"statusCode": 204}
