# What `cmake --install` puts where: the command, every module's library and headers, the default model, the
# manual, and the package that find_package(intact) reads. Relocatable; tests/consumer proves it.
include(CMakePackageConfigHelpers)

set(INTACT_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/intact)
set(INTACT_HEADER_DIR ${CMAKE_INSTALL_INCLUDEDIR})

get_property(modules GLOBAL PROPERTY INTACT_MODULES)
install(TARGETS ${modules} EXPORT intactTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${INTACT_HEADER_DIR})
install(TARGETS intact_grammars EXPORT intactTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT intactTargets NAMESPACE intact:: DESTINATION ${INTACT_PACKAGE_DIR})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/intactConfig.cmake.in
  ${PROJECT_BINARY_DIR}/intactConfig.cmake INSTALL_DESTINATION ${INTACT_PACKAGE_DIR}
  NO_SET_AND_CHECK_MACRO)
# Until 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/intactConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/intactConfig.cmake ${PROJECT_BINARY_DIR}/intactConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/FindSodium.cmake ${PROJECT_SOURCE_DIR}/cmake/FindZstd.cmake
  DESTINATION ${INTACT_PACKAGE_DIR})

if(TARGET intact)
  install(TARGETS intact RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# intact_install(DESTINATION FILE [NAME]): a file of the tree, where it exists.
function(intact_install destination file)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${file})
    if(ARGC GREATER 2)
      install(FILES ${PROJECT_SOURCE_DIR}/${file} DESTINATION ${destination} RENAME ${ARGV2})
    else()
      install(FILES ${PROJECT_SOURCE_DIR}/${file} DESTINATION ${destination})
    endif()
  endif()
endfunction()

intact_install(${CMAKE_INSTALL_DATADIR}/intact models/default.intactmodel)
intact_install(${CMAKE_INSTALL_MANDIR}/man1 apps/cli/intact.1)
intact_install(${CMAKE_INSTALL_DATADIR}/bash-completion/completions apps/cli/completions/intact.bash intact)
intact_install(${CMAKE_INSTALL_DATADIR}/zsh/site-functions apps/cli/completions/_intact)
intact_install(${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d apps/cli/completions/intact.fish)
foreach(file LICENSE README.md CHANGELOG.md)
  intact_install(${CMAKE_INSTALL_DOCDIR} ${file})
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/format DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN "*.md")
