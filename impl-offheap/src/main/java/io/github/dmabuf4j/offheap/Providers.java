package io.github.dmabuf4j.offheap;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Finds providers of a service. One that can't be loaded is in nobody's way but those who name it.
 *
 * <p><b>Threads.</b> Any; there is no state.
 */
final class Providers {
  private static final int MOST_FAILURES = 100;
  private static final System.Logger LOG = System.getLogger(Providers.class.getName());

  private Providers() {}

  /**
   * All providers of a service: those that the context knows, and those that this module does, for
   * the context may know less.
   *
   * @param service one that this module uses
   */
  static <S> List<S> of(Class<S> service) {
    List<S> known = load(ServiceLoader.load(service));
    Set<Class<?>> classes = known.stream().map(Object::getClass).collect(Collectors.toSet());
    load(ServiceLoader.load(service, Providers.class.getClassLoader())).stream()
        .filter(provider -> !classes.contains(provider.getClass()))
        .forEach(known::add);
    return known;
  }

  private static <S> List<S> load(ServiceLoader<S> loader) {
    List<S> providers = new ArrayList<>();
    Iterator<S> found = loader.iterator();
    int failures = 0;
    while (failures < MOST_FAILURES) { // a loader may fail at the same place again and again
      try {
        if (!found.hasNext()) {
          break;
        }
        providers.add(found.next());
      } catch (ServiceConfigurationError e) {
        failures++;
        LOG.log(Level.WARNING, "a provider can't be loaded", e);
      }
    }
    return providers;
  }
}
