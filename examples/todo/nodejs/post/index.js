'use strict';

var todos = require('./common/todos.js');

function main(params) {
  if (!params.title) {
    return Promise.reject(todos.answer(400, { error: 'A todo needs a title' }));
  }
  var doc = { title: params.title, completed: !!params.completed, order: params.order };
  return todos.open(params).then(function (db) {
    return db.insert(doc);
  }).then(function (stored) {
    doc._id = stored.id;
    return todos.answer(201, todos.shown(params, doc));
  }).catch(todos.refused);
}

exports.main = main;
