// Where an index lives: the folder it covers and the store that holds it. Thread-safe.
#pragma once

#include <optional>
#include <string>

#include "intact/base/base.h"

namespace intact::engine {

struct Place {
  std::string root;   // Canonical path of the indexed folder.
  std::string store;  // Folder of the store.
  std::string
      folder;  // What of the root was asked for: "" for all, else "src/net" relative to the root.
  bool exists = false;  // The store is there.
  std::string version;  // To be read: a number or a tag; empty: the newest.
  std::string model;    // What embeds: a model's file or folder; empty: the built-in one.
};

struct LocateOptions {
  std::string directory = ".";
  // Use this store folder, whatever the root.
  std::optional<std::string> store;
  // Keep the store in ROOT/.intact (with a .gitignore of its own) instead of the user's data
  // folder.
  bool local = false;
  // Look at the parents of `directory` for an index that covers it, nearest first; the result's
  // `folder` then says which part was asked for. With `store`, the root is the one that the store
  // covers. Without it the root is `directory` itself.
  bool search_parents = false;
  // Becomes Place::model.
  std::string model = {};
};

// Finds the place of `directory`, which must be a folder (kNotFound, kInvalidArgument; the
// latter also when the user's data folder is needed and the environment does not say where it is).
// The order: `store`; ROOT/.intact when it exists or `local` is set; else
// $XDG_DATA_HOME/intact/stores/NAME-HASH (data home
// ~/.local/share by default), one folder per root. Creates nothing.
base::Result<Place> Locate(const LocateOptions& options);

}  // namespace intact::engine
