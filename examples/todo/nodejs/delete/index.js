'use strict';

var todos = require('./common/todos.js');

function main(params) {
  var id = todos.id(params);
  return todos.open(params).then(function (db) {
    if (id) {
      return db.get(id).then(function (doc) {
        return db.destroy(id, doc._rev);
      });
    }
    return todos.all(db).then(function (docs) {
      return db.bulk({ docs: docs.map(function (doc) {
        return { _id: doc._id, _rev: doc._rev, _deleted: true };
      }) });
    });
  }).then(function () {
    return { statusCode: 204 };
  }).catch(todos.refused);
}

exports.main = main;
