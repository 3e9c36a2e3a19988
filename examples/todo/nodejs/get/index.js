'use strict';

var todos = require('./common/todos.js');

function main(params) {
  var id = todos.id(params);
  return todos.open(params).then(function (db) {
    if (id) {
      return db.get(id).then(function (doc) {
        return todos.answer(200, todos.shown(params, doc));
      });
    }
    return todos.all(db).then(function (docs) {
      return todos.answer(200, docs.map(function (doc) { return todos.shown(params, doc); }));
    });
  }).catch(todos.refused);
}

exports.main = main;
