"""DELETE: the todo that the path names, or all of them."""

from urllib.parse import quote

from common import todos


def main(params):
    doc_id = todos.id_of(params)
    try:
        database = todos.Database(params)
        if doc_id:
            rev = database.one(doc_id)["_rev"]
            database.ask("DELETE", f"/{quote(doc_id, safe='')}?rev={rev}")
        else:
            docs = [{"_id": doc["_id"], "_rev": doc["_rev"], "_deleted": True} for doc in database.all()]
            database.ask("POST", "/_bulk_docs", {"docs": docs})
    except todos.Refused as refused:
        return todos.refusal(refused.status, refused.reason)
    return {"statusCode": 204}
