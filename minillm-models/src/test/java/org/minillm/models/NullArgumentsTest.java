package org.minillm.models;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import com.google.common.collect.ImmutableSet;
import com.google.common.collect.ImmutableSetMultimap;
import com.google.common.collect.ImmutableSortedMap;
import com.google.common.reflect.ClassPath;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.lang.reflect.Proxy;
import java.lang.reflect.RecordComponent;
import java.nio.Buffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What may not be null is refused at the door: by every public constructor, factory and builder.
 */
class NullArgumentsTest {

  private static final Map<Class<?>, Object> SAMPLES =
      ImmutableMap.<Class<?>, Object>builder()
          .put(boolean.class, true)
          .put(int.class, 1)
          .put(long.class, 1L)
          .put(double.class, 0.5)
          .put(float.class, 0.5f)
          .put(String.class, "text")
          .put(Class.class, Object.class)
          .put(List.class, List.of())
          .put(Map.class, Map.of())
          .put(ImmutableList.class, ImmutableList.of())
          .put(ImmutableMap.class, ImmutableMap.of())
          .put(ImmutableSet.class, ImmutableSet.of())
          .put(ImmutableSortedMap.class, ImmutableSortedMap.of())
          .put(ImmutableSetMultimap.class, ImmutableSetMultimap.of())
          .put(JsonElement.class, JsonNull.INSTANCE)
          .put(FloatBuffer.class, FloatBuffer.allocate(0))
          .buildOrThrow();

  private static Stream<Class<?>> publicTypes() throws IOException {
    ClassPath classPath = ClassPath.from(NullArgumentsTest.class.getClassLoader());
    return Stream.of("core", "criteria", "models")
        .flatMap(it -> classPath.getTopLevelClassesRecursive("org.minillm." + it).stream())
        .<Class<?>>map(ClassPath.ClassInfo::load)
        .filter(type -> !isOfTests(type) && Modifier.isPublic(type.getModifiers()))
        .flatMap(type -> Stream.concat(Stream.of(type), Arrays.stream(type.getClasses())))
        .filter(type -> type.getName().startsWith("org.minillm."))
        .filter(type -> !type.isEnum() && !Throwable.class.isAssignableFrom(type));
  }

  private static boolean isOfTests(Class<?> type) {
    return type.getProtectionDomain().getCodeSource().getLocation().getPath().contains("test");
  }

  private static Stream<Executable> doors(Class<?> type) {
    return Stream.concat(
        Arrays.stream(type.getConstructors()),
        Arrays.stream(type.getDeclaredMethods())
            .filter(method -> Modifier.isPublic(method.getModifiers()) && !method.isSynthetic())
            .filter(method -> Modifier.isStatic(method.getModifiers()) || isOfABuilder(method)));
  }

  private static boolean isOfABuilder(Method method) {
    Class<?> type = method.getDeclaringClass();
    return method.getReturnType() == type && !type.isInterface() && !type.isRecord();
  }

  private static List<Arguments> parameters() throws IOException {
    List<Arguments> all = new ArrayList<>();
    publicTypes()
        .flatMap(NullArgumentsTest::doors)
        .forEach(
            door ->
                IntStream.range(0, door.getParameterCount())
                    .filter(i -> !mayBeNull(door.getParameters()[i]))
                    .forEach(i -> all.add(Arguments.of(door, i))));
    return all;
  }

  private static boolean mayBeNull(Parameter parameter) {
    Class<?> type = parameter.getDeclaringExecutable().getDeclaringClass();
    Stream<AnnotatedElement> sources = Stream.of(parameter.getAnnotatedType());
    if (type.isRecord()) { // there javac forgets on a parameter that an array may be null
      sources =
          Stream.concat(
              sources,
              Arrays.stream(type.getRecordComponents())
                  .filter(component -> component.getName().equals(parameter.getName()))
                  .map(RecordComponent::getAnnotatedType));
    }
    return parameter.getType().isPrimitive()
        || sources.anyMatch(source -> source.isAnnotationPresent(Nullable.class));
  }

  @ParameterizedTest
  @MethodSource("parameters")
  void nullIsRefusedByName(Executable door, int number) throws Exception {
    // GIVEN
    Object[] arguments = new Object[door.getParameterCount()];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = i == number ? null : sample(door.getParameterTypes()[i]);
    }
    // THEN
    assertThatThrownBy(() -> call(door, arguments))
        .isInstanceOf(NullPointerException.class)
        .hasMessage(door.getParameters()[number].getName());
  }

  private static void call(Executable door, Object[] arguments) throws Throwable {
    try {
      if (door instanceof Constructor<?> constructor) {
        constructor.newInstance(arguments);
      } else {
        boolean isStatic = Modifier.isStatic(door.getModifiers());
        ((Method) door).invoke(isStatic ? null : sample(door.getDeclaringClass()), arguments);
      }
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  /** An object that nobody may use: that something is missing is found out before. */
  private static Object sample(Class<?> type) throws ReflectiveOperationException {
    Object known = SAMPLES.get(type);
    if (known != null) {
      return known;
    }
    if (Buffer.class.isAssignableFrom(type)) {
      return type.getMethod("allocate", int.class).invoke(null, 0);
    }
    if (type.isArray()) {
      return Array.newInstance(type.getComponentType(), 0);
    }
    if (type.isEnum()) {
      return type.getEnumConstants()[0];
    }
    if (type.isInterface()) {
      return Proxy.newProxyInstance(
          type.getClassLoader() == null
              ? NullArgumentsTest.class.getClassLoader()
              : type.getClassLoader(),
          new Class<?>[] {type},
          (proxy, method, arguments) -> {
            throw new AssertionError("used before all arguments were looked at: " + method);
          });
    }
    return uninitialised(type);
  }

  /** By reflection, since javac warns of the class. */
  private static Object uninitialised(Class<?> type) throws ReflectiveOperationException {
    Class<?> unsafe = Class.forName("sun.misc.Unsafe");
    Field instance = unsafe.getDeclaredField("theUnsafe");
    instance.setAccessible(true);
    try {
      return unsafe.getMethod("allocateInstance", Class.class).invoke(instance.get(null), type);
    } catch (InvocationTargetException e) {
      throw new IllegalStateException("no sample of " + type + ": add one", e);
    }
  }
}
