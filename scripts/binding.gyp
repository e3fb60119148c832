{
  # For `node-gyp rebuild -C scripts`: the build itself is CMake's, in CMakeLists.txt. In the root of the package, npm would run
  # it whenever it installs from a lock file, whatever `gypfile` says.
  "targets": [
    {
      "target_name": "contrastive",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "message": "Building the addon with CMake",
          "inputs": ["../CMakeLists.txt"],
          "outputs": ["../build/Release/contrastive.node"],
          "action": ["node", "build-native.mjs"]
        }
      ]
    }
  ]
}
