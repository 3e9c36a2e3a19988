'use strict';

var todos = require('./common/todos.js');

function main(params) {
  var id = todos.id(params);
  if (!id) {
    return Promise.reject(todos.answer(400, { error: 'Which todo? Its id belongs into the path' }));
  }
  return todos.open(params).then(function (db) {
    return db.get(id).then(function (doc) {
      ['title', 'completed', 'order'].forEach(function (name) {
        if (params[name] !== undefined) {
          doc[name] = params[name];
        }
      });
      return db.insert(doc).then(function () {
        return todos.answer(200, todos.shown(params, doc));
      });
    });
  }).catch(todos.refused);
}

exports.main = main;
